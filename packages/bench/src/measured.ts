/** What both systems are measured by. */
export interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
  /** CPU of all members together, per operation. */
  readonly serverMicrosPerOp: number;
  readonly clientMicrosPerOp: number;
}

/** One work, in the words of both load generators. */
export interface Task {
  readonly work: 'put' | 'get' | 'mixed' | 'lock';
  readonly outstanding: number;
  readonly connections: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly seconds: number;
  readonly warmupSeconds: number;
}
