// Initialises the directory that is its argument: under strace, to see what it syncs.
import { argv } from 'node:process';
import { founders } from '../conformance/entries.ts';
import { initStorage } from '../init.ts';
import { identity } from './directories.ts';

await initStorage({ directory: argv[2]!, ...identity, reserveBytes: 1000, configuration: founders });
