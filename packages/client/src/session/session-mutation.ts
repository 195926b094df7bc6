/** What one mutation asks of its session. */
export interface SessionMutation {
  readonly what: string;
  readonly operation: Uint8Array;
  readonly reason: string | null;
  /** What the session holds or waits for: asked until the log has answered it, or the session ends, which gives it back too. */
  readonly givesBack?: true;
}
