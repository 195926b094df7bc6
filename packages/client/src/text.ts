const encoder: TextEncoder = new TextEncoder();
const decoder: TextDecoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Text stands for its UTF-8 bytes. Bytes are copied: the caller may write over them before they leave. */
export function toBytes(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? encoder.encode(value) : value.slice();
}

export function toText(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
