/** Bytes that a text takes as UTF-8, or -1 if it holds half of a surrogate pair, which UTF-8 cannot carry. */
export function utf8Length(text: string): number {
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) length += 1;
    else if (unit < 0x800) length += 2;
    else if (unit < 0xd800 || unit > 0xdfff) length += 3;
    else {
      const next = i + 1 < text.length ? text.charCodeAt(i + 1) : 0;
      if (unit > 0xdbff || next < 0xdc00 || next > 0xdfff) return -1;
      length += 4;
      i += 1;
    }
  }
  return length;
}

/**
 * The longest beginning of `text` that takes at most `maxBytes` as UTF-8 and arrives as it is: halves of surrogate pairs become U+FFFD,
 * as does a byte order mark in front.
 */
export function cutToUtf8Length(text: string, maxBytes: number): string {
  let length = 0;
  let cut = '';
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const travels = (point < 0xd800 || point > 0xdfff) && !(point === 0xfeff && cut === '');
    const kept = travels ? character : '\ufffd';
    length += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
    if (length > maxBytes) break;
    cut += kept;
  }
  return cut;
}
