/**
 * Who is being asked whether they still want what they hold. One that asks for it meanwhile keeps it: what it answered was said before. What
 * nobody could be asked is kept too; it is asked again.
 */
export class Wishes {
  readonly #asked = new Set<string>();

  /** It wants it, whatever it answers to what it was asked before. */
  note(holder: string): void {
    this.#asked.delete(holder);
  }

  /** @param onError is told of a question that could not be put @returns may it be taken from the holder? */
  async isUnwanted(holder: string, question: () => Promise<boolean>, onError: (error: unknown) => void): Promise<boolean> {
    this.#asked.add(holder);
    const wanted = await question().catch((error: unknown) => {
      onError(error);
      return true;
    });
    return this.#asked.delete(holder) && !wanted;
  }
}
