/** What a member cannot start with, named together with what it takes instead. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}
