import { describe, expect, it } from "vitest";
import {
  MAX_URL_LENGTH,
  checkMailServer,
  checkOutboundUrl,
  hostOfEntry,
  type HostPolicy,
  isPrivateHost,
  isSecretHeader,
} from "./outbound.ts";

/** Every notation of an address or name that must not be reached, with the words that the refusal must hold. */
const REFUSED: readonly (readonly [url: string, says: string])[] = [
  // loopback, in every notation that the URL parser or a resolver understands
  ["http://127.0.0.1/", "127.0.0.1 may not be reached: it is not a public address (loopback)"],
  ["https://127.0.0.1:8443/x?y=1", "127.0.0.1"],
  ["http://127.1/", "127.0.0.1"],
  ["http://127.0.1/", "127.0.0.1"],
  ["http://0x7f.1/", "127.0.0.1"],
  ["http://0x7f000001/", "127.0.0.1"],
  ["http://0177.0.0.1/", "127.0.0.1"],
  ["http://2130706433/", "127.0.0.1"],
  ["http://017700000001/", "127.0.0.1"],
  ["http://127.255.255.254/", "loopback"],
  ["http://127.0.0.1./", "127.0.0.1"],
  ["http://①②⑦.⓪.⓪.①/", "127.0.0.1"],
  ["http://１２７.0.0.1/", "127.0.0.1"],
  ["http://127。0。0。1/", "127.0.0.1"],
  ["http://%31%32%37.0.0.1/", "127.0.0.1"],
  ["http:\\\\127.0.0.1\\", "127.0.0.1"],
  ["  http://127.0.0.1/", "127.0.0.1"],
  ["http://12\t7.0.0.1/", "127.0.0.1"],
  ["http://[::1]/", "::1"],
  ["http://[0:0:0:0:0:0:0:1]:80/", "::1"],
  // IPv4 inside IPv6
  ["http://[::ffff:127.0.0.1]/", "127.0.0.1"],
  ["http://[::ffff:7f00:1]/", "127.0.0.1"],
  ["http://[0:0:0:0:0:ffff:a9fe:a9fe]/", "169.254.169.254"],
  ["http://[::127.0.0.1]/", "reserved"],
  ["http://[::ffff:0:127.0.0.1]/", "rfc6145"],
  ["http://[64:ff9b::7f00:1]/", "rfc6052"],
  ["http://[64:ff9b:1::a00:1]/", "rfc6052"],
  ["http://[2002:7f00:1::]/", "6to4"],
  ["http://[2002:a00:1::1]/", "6to4"],
  ["http://[2001:0:7f00:1::]/", "teredo"],
  // unspecified, private, link-local, shared
  ["http://0.0.0.0/", "unspecified"],
  ["http://0/", "0.0.0.0"],
  ["http://0.1.2.3/", "unspecified"],
  ["http://[::]/", "unspecified"],
  ["http://10.0.0.1/", "private"],
  ["http://0xa000001/", "10.0.0.1"],
  ["http://172.16.0.1/", "private"],
  ["http://172.31.255.255/", "private"],
  ["http://192.168.1.1/", "private"],
  ["http://169.254.1.1/", "link local"],
  ["http://169.254.169.254/latest/meta-data/", "169.254.169.254"],
  ["http://2852039166/", "169.254.169.254"],
  ["http://100.64.0.1/", "carrier grade nat"],
  ["http://100.100.100.200/", "carrier grade nat"],
  ["http://[fe80::1]/", "link local"],
  ["http://[fec0::1]/", "deprecated site local"],
  ["http://[fc00::1]/", "unique local"],
  ["http://[fd00:ec2::254]/latest/meta-data/", "unique local"],
  // multicast, broadcast, reserved, documentation, benchmarking, anycast and transition ranges
  ["http://224.0.0.1/", "multicast"],
  ["http://239.255.255.250/", "multicast"],
  ["http://255.255.255.255/", "broadcast"],
  ["http://240.0.0.1/", "reserved"],
  ["http://192.0.0.192/", "reserved"],
  ["http://192.0.2.1/", "reserved"],
  ["http://198.51.100.1/", "reserved"],
  ["http://203.0.113.1/", "reserved"],
  ["http://198.18.0.1/", "reserved"],
  ["http://198.19.255.255/", "reserved"],
  ["http://192.88.99.1/", "reserved"],
  ["http://192.175.48.1/", "as112"],
  ["http://[ff02::1]/", "multicast"],
  ["http://[2001:db8::1]/", "reserved"],
  ["http://[3fff::1]/", "reserved"],
  ["http://[2001:2::1]/", "benchmarking"],
  ["http://[100::1]/", "discard"],
  ["http://[5f00::1]/", "segment routing"],
  ["http://[4000::1]/", "reserved"],
  // names
  ["http://localhost/", "localhost may not be reached"],
  ["http://LOCALHOST:3000/", "localhost"],
  ["http://localhost./", "localhost"],
  ["http://localhost../", "localhost"],
  ["http://ｌｏｃａｌｈｏｓｔ/", "localhost"],
  ["http://%6c%6f%63%61%6c%68%6f%73%74/", "localhost"],
  ["http://app.localhost/", "ends in .localhost"],
  ["http://localhost.localdomain/", "ends in .localdomain"],
  ["http://printer.local/", "ends in .local"],
  ["http://metadata.google.internal/computeMetadata/v1/", "ends in .internal"],
  ["http://host.docker.internal./", "ends in .internal"],
  ["http://api.default.svc/", "ends in .svc"],
  ["http://api.default.svc.cluster.local/", "network"],
  ["http://router.home.arpa/", "ends in .home.arpa"],
  ["http://metadata/", "it has no dot"],
  ["http://intranet/", "it has no dot"],
  ["http://./", "it has no dot"],
  ["http://metadata.goog/", "metadata service"],
  ["http://168.63.129.16/", "metadata service"],
  ["http://[::ffff:168.63.129.16]/", "metadata service"],
  // schemes and user info
  ["file:///etc/passwd", 'the scheme "file:" is not allowed'],
  ["ftp://example.com/", "scheme"],
  ["javascript:alert(1)", "scheme"],
  ["data:text/html,x", "scheme"],
  ["ws://example.com/", "scheme"],
  ["chrome://settings", "scheme"],
  ["https://user@example.com/", "user name or a password"],
  ["https://user:secret@example.com/", "user name or a password"],
  ["https://example.com@127.0.0.1/", "user name or a password"],
  ["https://example.com%40127.0.0.1:x@example.org/", "user name or a password"],
];

const ACCEPTED = [
  "https://example.com/",
  "http://example.com:8080/a/b?c=d#e",
  "https://EXAMPLE.com./",
  "https://bücher.example.com/",
  "https://xn--bcher-kva.example.com/",
  "https://8.8.8.8/",
  "https://172.15.0.1/",
  "https://172.32.0.1/",
  "https://100.128.0.1/",
  "https://[2606:4700:4700::1111]/",
  "https://[::ffff:8.8.8.8]/",
  "https://local.example.com/",
  "https://notlocalhost.com/",
  "https://svc.com/",
  "https://127.0.0.1.example.com/",
];

describe("checkOutboundUrl", () => {
  it.each(REFUSED)("refuses %s", (url, says) => {
    const fault = checkOutboundUrl(url, { allowedHosts: [] });
    expect(fault?.code).toBe("forbidden_address");
    expect(fault?.message).toContain(says);
  });

  it.each(ACCEPTED)("accepts %s", (url) => {
    expect(checkOutboundUrl(url, { allowedHosts: [] })).toBeNull();
  });

  it("says which host to ask the administrator for", () => {
    expect(checkOutboundUrl("http://0x7f.1:9000/hook", { allowedHosts: [] })).toEqual({
      path: "",
      code: "forbidden_address",
      message:
        '127.0.0.1 may not be reached: it is not a public address (loopback). Ask the service\'s administrator to allow the host "127.0.0.1" for your organization',
    });
  });

  it.each([
    "",
    "example.com",
    "/path",
    "http://",
    "http://1.2.3.4.5/",
    "http://[::1/",
    "http://exa mple.com/",
    "http://256.1.1.1/",
    "http://[fe80::1%25eth0]/",
  ])("refuses %j as no URL", (url) => {
    expect(checkOutboundUrl(url, { allowedHosts: [] })?.code).toBe("invalid_value");
  });

  it("accepts the longest URL and refuses the next", () => {
    const longest = `https://example.com/${"a".repeat(MAX_URL_LENGTH - 20)}`;
    expect(checkOutboundUrl(longest, { allowedHosts: [] })).toBeNull();
    expect(checkOutboundUrl(`${longest}a`, { allowedHosts: [] })?.code).toBe("too_large");
  });

  it.each<[entry: string, url: string, allowed: boolean]>([
    ["localhost", "http://localhost:3000/", true],
    ["LocalHost.", "http://localhost/", true],
    ["localhost", "http://localhost./", true],
    ["localhost", "http://127.0.0.1/", false],
    ["localhost", "http://app.localhost/", false],
    ["127.0.0.1", "http://0x7f.1/", true],
    ["127.1", "http://127.0.0.1/", true],
    ["127.0.0.1", "http://[::ffff:127.0.0.1]/", true],
    ["127.0.0.1", "http://127.0.0.2/", false],
    ["::1", "http://[::1]:8080/", true],
    ["[::1]", "http://[0:0::1]/", true],
    ["[::1]:8080", "http://[::1]:8080/", true],
    ["[::1]:8080", "http://[::1]:8081/", false],
    ["localhost:3000", "http://localhost:3000/", true],
    ["localhost:3000", "http://localhost:3001/", false],
    ["intranet:80", "http://intranet/", true],
    ["intranet:80", "https://intranet/", false],
    ["intranet:443", "https://intranet/", true],
    ["*.corp.internal", "http://api.corp.internal/", true],
    ["*.corp.internal", "http://a.b.corp.internal/", true],
    ["*.corp.internal:8443", "http://api.corp.internal:8443/", true],
    ["*.corp.internal:8443", "http://api.corp.internal/", false],
    ["*.corp.internal", "http://corp.internal/", false],
    ["*.corp.internal", "http://evilcorp.internal/", false],
    ["*", "http://localhost/", false],
    ["*.", "http://app.localhost/", false],
    ["", "http://localhost/", false],
    ["localhost", "file://localhost/etc/passwd", false],
    ["localhost", "http://user:secret@localhost/", false],
  ])("with %j on the list, %s is allowed: %s", (entry, url, allowed) => {
    expect(checkOutboundUrl(url, { allowedHosts: ["other.internal", entry] }) === null).toBe(allowed);
  });
});

describe("isSecretHeader", () => {
  it.each([
    "Authorization",
    "proxy-authorization",
    "Cookie",
    "set-cookie",
    "X-Api-Key",
    "x-apikey",
    "X-Auth-Token",
    "x-amz-security-token",
    "x-session-id",
  ])("knows %s for a secret", (name) => {
    expect(isSecretHeader(name)).toBe(true);
  });

  it.each(["content-type", "etag", "x-ratelimit-remaining-tokens", "www-authenticate", "idempotency-key", "x-author", "retry-after"])(
    "does not take %s for a secret",
    (name) => {
      expect(isSecretHeader(name)).toBe(false);
    },
  );
});

describe("the outbound guard for mail servers", () => {
  it.each([
    ["smtp.example.com", 587],
    ["smtp.example.com", 465],
    ["smtp.example.com.", 2525],
    ["8.8.8.8", 587],
    ["mail.internal", 2500],
    ["10.0.0.7", 25],
    ["fd00::7", 587],
  ])("lets %s:%i through", (host, port) => {
    expect(checkMailServer({ host, port }, { allowedHosts: ["mail.internal", "10.0.0.7:25", "[fd00::7]:587"] })).toBeNull();
  });

  it.each([
    ["smtp.example.com", 25, "forbidden_address", /port 25 may not be reached/],
    ["smtp.example.com", 6379, "forbidden_address", /at 465, 587, 2525/],
    ["localhost", 587, "forbidden_address", /localhost may not be reached/],
    ["0x7f.1", 587, "forbidden_address", /127\.0\.0\.1 may not be reached/],
    ["::1", 587, "forbidden_address", /::1 may not be reached/],
    ["10.0.0.7", 26, "forbidden_address", /10\.0\.0\.7 may not be reached/],
    ["169.254.169.254", 587, "forbidden_address", /169\.254\.169\.254 may not be reached/],
    ["user@smtp.example.com", 587, "invalid_value", /must be the name of a mail server/],
    ["smtp.example.com/x", 587, "invalid_value", /must be the name/],
    ["smtp.example.com\r\nQUIT", 587, "invalid_value", /must be the name/],
    ["", 587, "invalid_value", /must be the name/],
  ])("refuses %j:%i", (host, port, code, message) => {
    const fault = checkMailServer({ host, port }, { allowedHosts: ["10.0.0.7:25"] });
    expect(fault).toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it.each([
    ["localhost", true],
    ["127.0.0.1", true],
    ["fd00::7", true],
    ["mail.internal", true],
    ["smtp.example.com", false],
    ["8.8.8.8", false],
  ])("says whether %s is of a private network: %s", (host, isPrivate) => {
    expect(isPrivateHost(host)).toBe(isPrivate);
  });
});

describe("the lists of an organization", () => {
  const policy: HostPolicy = {
    allowedHosts: ["10.0.0.7", "*.corp.internal"],
    deniedHosts: ["*.ads.example", "10.0.0.8", "bücher.example"],
    onlyHosts: [],
  };
  const only: HostPolicy = { ...policy, onlyHosts: ["shop.example", "*.shop.example", "10.0.0.9", "hr.corp.internal"] };
  const refusal = (url: string, hosts = policy) => checkOutboundUrl(url, hosts)?.message ?? null;

  it.each([
    ["https://shop.example/", null, null],
    ["https://cdn.shop.example/", null, null],
    ["http://10.0.0.7/", null, "only hosts"],
    ["https://hr.corp.internal/", null, null],
    ["http://10.0.0.9/", "not a public address", "not a public address"],
    ["https://tracker.ads.example/", "denied hosts", "denied hosts"],
    ["https://xn--bcher-kva.example/", "denied hosts", "denied hosts"],
    ["http://0x0a.8/", "denied hosts", "denied hosts"],
    ["https://ads.example/", null, "only hosts"],
  ])("say of %s: %s, and where only some may be reached: %s", (url, freely, limited) => {
    const told = (message: string | null, part: string | null) =>
      part === null ? expect(message).toBeNull() : expect(message).toContain(part);
    told(refusal(url), freely);
    told(refusal(url, only), limited);
  });

  it("have entries that a URL can match", () => {
    expect(["shop.example", "*.shop.example:8443", "10.0.0.7", "fd00::7", "[fd00::7]:80", "BÜCHER.example"].map(hostOfEntry)).toEqual([
      "shop.example", "*.shop.example", "10.0.0.7", "fd00::7", "fd00::7", "xn--bcher-kva.example",
    ]); // prettier-ignore
    for (const entry of ["", "https://shop.example", "shop.example/path", "*", "a b", "shop.*", "user@shop.example"])
      expect(hostOfEntry(entry)).toBeNull();
  });

  it("hold for mail servers too", () => {
    expect(checkMailServer({ host: "smtp.ads.example", port: 587 }, policy)?.message).toContain("denied hosts");
    expect(checkMailServer({ host: "smtp.example", port: 587 }, only)?.message).toContain("only hosts");
  });
});
