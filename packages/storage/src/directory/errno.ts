/** Whether a caught value is a system error with this code, or was caused by one. */
export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
