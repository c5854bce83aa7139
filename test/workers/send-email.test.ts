import { describe, expect, inject, it } from "vitest";
import { createTenant } from "./api.ts";
import { mailsTo, newAddress } from "./mail-client.ts";
import { openBox } from "./receiver-client.ts";
import { runBlocks } from "./run-blocks.ts";

const mail = (to: string, more: object = {}) => ({
  block_type: "send_email",
  label: "tell",
  sender: "Robot <robot@example.test>",
  recipients: [to],
  subject: "Your list",
  body: "It is attached.",
  custom_smtp_host: "localhost",
  custom_smtp_port: inject("mailPorts").plain,
  ...more,
});

describe("a run with send_email", () => {
  it("mails what an earlier block has downloaded, what it is told the address of, and what the run has downloaded", async () => {
    const tenant = await createTenant({ allowed_hosts: ["127.0.0.1", "localhost"] });
    const [list, note] = [
      await openBox({ body: "sku,price\nA-1,7\n", headers: { "content-type": "text/csv" } }),
      await openBox({ body: "Note.", headers: { "content-type": "text/plain", "content-disposition": 'attachment; filename="note.txt"' } }),
    ];
    const to = newAddress();
    const fetched = {
      block_type: "http_request",
      label: "list",
      url: list.url,
      save_response_as_file: true,
      download_filename: "list.csv",
    };
    const file_attachments = ["{{ list_output }}", note.url, "SKYVERN_DOWNLOAD_DIRECTORY/list.csv"];
    const ended = await runBlocks(tenant, [fetched, mail(to, { file_attachments })]);
    expect(ended).toMatchObject({ status: "completed", output: { tell_output: { recipients: [to], rejected: [] } } });
    expect(ended.output.tell_output.attachments.map(({ file_name }: { file_name: string }) => file_name)).toEqual([
      "list.csv",
      "note.txt",
      "list.csv",
    ]);
    const [received] = await mailsTo(to);
    expect(received?.source.match(/filename="?list\.csv"?/g)).toHaveLength(2);
    expect(received?.source).toContain(btoa("Note."));
    expect(received?.source).toContain(`Message-ID: <${ended.run_id}-tell@example.test>`);
  });

  it("logs in with what parameters hold, and shows no password", async () => {
    const tenant = await createTenant({ allowed_hosts: ["localhost"] });
    const to = newAddress();
    const { custom_smtp_host: _, custom_smtp_port: __, ...unnamed } = mail(to);
    const keys = { host: "mail_host", port: "mail_port", username: "mail_user", password: "mail_password" };
    const named = Object.fromEntries(Object.entries(keys).map(([name, key]) => [`smtp_${name}_secret_parameter_key`, key]));
    const parameters = {
      mail_host: "localhost",
      mail_port: String(inject("mailPorts").starttls),
      mail_user: "robot",
      mail_password: "pä$$ word",
    };
    const ended = await runBlocks(tenant, [{ ...unnamed, ...named }], parameters);
    expect(ended).toMatchObject({ status: "completed" });
    expect(JSON.stringify(ended.output)).not.toContain("pä$$ word");
    expect(await mailsTo(to)).toMatchObject([{ user: "robot", secure: true }]);
  });

  it("sends by the service's own server when it names none", async () => {
    const to = newAddress();
    const ended = await runBlocks(await createTenant(), [mail(to, { custom_smtp_host: null, custom_smtp_port: null })]);
    expect(ended.failure_reason).toBeNull();
    const [received] = await mailsTo(to);
    expect(received?.from).toBe("service@example.test");
    expect(received?.source).toContain("Reply-To: Robot <robot@example.test>\r\n");
  });

  it.each([
    ["a server that may not be reached", { custom_smtp_host: "10.0.0.7", custom_smtp_port: 587 }, /10\.0\.0\.7 may not be reached/],
    ["a file that nobody has", { file_attachments: [`a_${"0".repeat(52)}`] }, /there is no artifact/],
    ["what is no file", { file_attachments: ["list.csv"] }, /"list\.csv" names no file/],
    ["a download that was not made", { file_attachments: ["SKYVERN_DOWNLOAD_DIRECTORY/x.csv"] }, /has downloaded no "x\.csv"/],
  ])("fails with %s", async (_, more, reason) => {
    const tenant = await createTenant({ allowed_hosts: ["localhost"] });
    const to = newAddress();
    const ended = await runBlocks(tenant, [mail(to, more)]);
    expect(ended).toMatchObject({ status: "failed", failure_reason: expect.stringMatching(reason) });
    expect(await mailsTo(to)).toEqual([]);
  });

  it("attaches no file of another organization", async () => {
    const [owner, thief] = [await createTenant({ allowed_hosts: ["127.0.0.1"] }), await createTenant({ allowed_hosts: ["localhost"] })];
    const box = await openBox({ body: "secret" });
    const made = await runBlocks(owner, [{ block_type: "http_request", label: "file", url: box.url, save_response_as_file: true }]);
    const { artifact_id } = made.output.file_output;
    const ended = await runBlocks(thief, [mail(newAddress(), { file_attachments: [artifact_id] })]);
    expect(ended).toMatchObject({ status: "failed", failure_reason: expect.stringContaining(`there is no artifact "${artifact_id}"`) });
  });
});
