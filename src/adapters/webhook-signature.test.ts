import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { describe, expect, it } from "vitest";
import { signWebhook } from "./webhook-signature.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const MESSAGE = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", at: 1_614_265_330_999, body: '{"test": 2432232314}' };

describe("signWebhook", () => {
  it("signs as the example of the Standard Webhooks libraries does", async () => {
    expect(await signWebhook(SECRET, MESSAGE)).toMatchObject({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  it("is accepted by the reference receiver, with text outside ASCII", async () => {
    const body = '{"name":"Zoë – ①"}';
    const headers = await signWebhook(SECRET, { id: "whd_1", at: Date.now(), body });
    expect(new Webhook(SECRET).verify(body, headers)).toEqual({ name: "Zoë – ①" });
    expect(() => new Webhook(SECRET).verify(`${body} `, headers)).toThrow("No matching signature");
    expect(() => new Webhook(SECRET).verify(body, { ...headers, "webhook-id": "whd_2" })).toThrow("No matching signature");
  });

  it("signs the body as Skyvern does", async () => {
    const body =
      '{"workflow_run_id":"wr_1","status":"completed","outputs":{"a":1,"b":1.5,"n":null,"u":"é","nested":[2,{"x":3}]},"created_at":"2026-01-02T03:04:05"}';
    const headers = await signWebhook("whsec_dGVzdA==", { ...MESSAGE, body });
    expect(headers["x-skyvern-signature"]).toBe(createHmac("sha256", "whsec_dGVzdA==").update(body).digest("hex"));
    expect(headers["x-skyvern-timestamp"]).toBe("1614265330");
  });

  it("refuses a secret of another form rather than sign with a wrong key", async () => {
    await expect(signWebhook("secret", MESSAGE)).rejects.toThrow("must begin with whsec_");
  });
});
