// For the simulator and the tests of this project: a client in an environment of one's own. No promise is made about what is here.
export { realEnvironment } from './connect.ts';
export { createClient } from './create-client.ts';
export type { Cancel, Clock, Environment, OpenSocket, Random, Socket, SocketEvents, Timers } from './environment.ts';
export { ConclaveError } from './error.ts';
