const LF = 10;
const CR = 13;

/** The part of a text that is being looked at, with its place in the whole. */
export class TextWindow {
  text = '';
  /** Index into `text`: what stands before it is done with. */
  at = 0;
  /** Line of the character at `at`, from 1. */
  line = 1;
  private base = 0;
  private seekTo = 0;

  /** Characters before `at` in the whole text. */
  get position(): number {
    return this.base + this.at;
  }

  push(text: string): void {
    this.base += this.at;
    this.text = this.text.slice(this.at) + text;
    this.at = Math.max(0, Math.min(this.seekTo - this.base, this.text.length));
  }

  seek(position: number, line: number): void {
    this.seekTo = position;
    this.line = line;
    this.at = Math.min(position - this.base, this.text.length);
  }

  /** Where the line that begins at `from` ends, its line break aside; -1 if that is not to be seen yet. */
  lineEnd(from: number, isEnd: boolean): number {
    for (let i = from; i < this.text.length; i++) {
      const char = this.text.charCodeAt(i);
      if (char === LF || char === CR) {
        return char === CR && !isEnd && i + 1 === this.text.length ? -1 : i;
      }
    }
    return isEnd ? this.text.length : -1;
  }

  /** The index behind the line break at `index`, if there is one. */
  behindBreak(index: number): number {
    const isPair = this.text.charCodeAt(index) === CR && this.text.charCodeAt(index + 1) === LF;
    return Math.min(index + (isPair ? 2 : 1), this.text.length);
  }
}
