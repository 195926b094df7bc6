// What follows the cluster in the background, mirrors and documents. The client loads it by itself when it is first asked for one, so that a page that only
// locks never does. Importing `@conclave/client/live` loads it with everything else: for service workers, which may not load
// anything later, and for whoever would not have a first call wait for it.
import { openConfig, openConfigs } from './config/config.ts';
import { register } from './load-live.ts';
import { openMirror } from './mirror/mirror.ts';

register({ openConfig, openConfigs, openMirror });
