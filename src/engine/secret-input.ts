import type { BrowserPage } from "../ports/browser.ts";
import type { PageAction } from "../domain/browser.ts";
import type { SecretMask } from "./secret-mask.ts";

/** The same page, which learns of every secret that is put into a field: its pictures do not show that field. */
export function hidingSecretInput(page: BrowserPage, mask: SecretMask): BrowserPage {
  const known = (action: PageAction): PageAction => {
    if (action.do !== "fill" && action.do !== "type") return action;
    const text = action.do === "fill" ? action.value : action.text;
    return mask.text(text) === text ? action : { ...action, secret: true };
  };
  const perform: BrowserPage["perform"] = (actions, options) => page.perform(actions.map(known), options);
  return new Proxy(page, {
    get(target, name) {
      if (name === "perform") return perform;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
