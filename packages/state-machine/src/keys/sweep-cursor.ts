import type { Revision } from '@conclave/protocol';

/** How far the changes of the compacted revision itself were looked at: they stay in the timeline. */
export class SweepCursor {
  revision: Revision = 0;
  handled = 0;
}
