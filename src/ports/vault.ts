/** Encryption of what is stored: AES-GCM under the service's key, bound to a purpose so that a ciphertext cannot be moved elsewhere. */
export interface Vault {
  seal(purpose: string, text: string): Promise<string>;
  /** @throws when the text was not sealed for this purpose by this key */
  open(purpose: string, sealed: string): Promise<string>;
}
