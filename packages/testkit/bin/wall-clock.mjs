// `node --import wall-clock.mjs`: the wall clock of this process is ahead by as many milliseconds as the file named by CONCLAVE_TEST_WALL_CLOCK says,
// read again at every SIGUSR2. The monotonic clock stays, as when somebody sets the time of a machine.
import { readFileSync } from 'node:fs';

const file = process.env.CONCLAVE_TEST_WALL_CLOCK ?? '';
const RealDate = Date;
const realNow = Date.now.bind(Date);
let aheadMs = 0;

function read() {
  aheadMs = Number(readFileSync(file, 'utf8'));
}

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(realNow() + aheadMs);
    else super(...args);
  }

  static now() {
    return realNow() + aheadMs;
  }
};

read();
process.on('SIGUSR2', () => {
  read();
  // So that whoever set it knows.
  process.stderr.write(`wall clock ahead by ${aheadMs}\n`);
});
