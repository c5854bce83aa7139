import type { PageAction } from "../../domain/browser/browser.ts";
import type { BrowserPage } from "../../ports/browser-page.ts";
import type { SecretMask } from "./secret-mask.ts";

/** The same page, which learns of every secret that is put into a field: its pictures do not show that field. So do the tabs beside it. */
export function hidingSecretInput(page: BrowserPage, mask: SecretMask): BrowserPage {
  const known = (action: PageAction): PageAction => {
    if (action.do !== "fill" && action.do !== "type") return action;
    const text = action.do === "fill" ? action.value : action.text;
    return mask.text(text) === text ? action : { ...action, secret: true };
  };
  return replacing(page, {
    perform: () => (actions, options) => page.perform(actions.map(known), options),
    current: () => hidingSecretInput(page.current, mask),
  });
}

/** The same object with other values for some of its properties. */
function replacing<T extends object>(object: T, others: { readonly [Key in keyof T]?: () => T[Key] }): T {
  return new Proxy(object, {
    get(target, name) {
      if (Object.hasOwn(others, name)) return others[name as keyof T]?.(); // it is one of them
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
