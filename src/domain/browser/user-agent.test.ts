import { describe, expect, it } from "vitest";
import { clientHintsOf, languagesOf, platformOf } from "./user-agent.ts";

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.7390.55 Safari/537.36";
const EDGE = `${WINDOWS} Edg/141.0.3537.57`;
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
const HEADLESS = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36";
const PHONE = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

describe("a user agent", () => {
  it.each([
    [WINDOWS, "Windows", "Google Chrome 141", "10.0.0", false],
    [EDGE, "Windows", "Microsoft Edge 141", "10.0.0", false],
    [MAC, "macOS", "Google Chrome 141", "10.15.7", false],
    [HEADLESS, "Linux", "HeadlessChrome 141", "", false],
    [PHONE, "Android", "Google Chrome 141", "14.0.0", true],
  ])("%s has hints that fit it", (userAgent, platform, brand, platformVersion, mobile) => {
    const hints = clientHintsOf(userAgent);
    expect(platformOf(userAgent)).toBe(platform);
    expect(hints).toMatchObject({ platform, platformVersion, mobile });
    expect(hints?.brands.map(({ brand: name, version }) => `${name} ${version}`)).toEqual(["Not_A Brand 24", "Chromium 141", brand]);
  });

  it("of a phone names its model, and no architecture", () => {
    expect(clientHintsOf(PHONE)).toMatchObject({ model: "Pixel 8", architecture: "", bitness: "" });
  });

  it.each([IPHONE, FIREFOX])("%s has none", (userAgent) => expect(clientHintsOf(userAgent)).toBeNull());
});

it.each([
  ["de-CH", "de-CH,de"],
  ["de", "de"],
])("a browser set to %s asks for %s", (locale, languages) => expect(languagesOf(locale)).toBe(languages));
