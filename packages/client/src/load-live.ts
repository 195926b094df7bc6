import type { openConfig, openConfigs } from './config/config.ts';
import type { openMirror } from './mirror/mirror.ts';

interface Live {
  readonly openConfig: typeof openConfig;
  readonly openConfigs: typeof openConfigs;
  readonly openMirror: typeof openMirror;
}

let loaded: Live | null = null;

export function register(live: Live): void {
  loaded = live;
}

/** Bundlers make a file of its own out of it. Once it is there nobody waits for anything. */
export async function loadLive(): Promise<Live> {
  if (loaded === null) await import('./live.ts');
  // The module is loaded once, and registers itself.
  return loaded as unknown as Live;
}
