/** Something that the machine lacks: exit code 2, and a message that names it. */
export class CannotRunError extends Error {
  override readonly name = 'CannotRunError';
}
