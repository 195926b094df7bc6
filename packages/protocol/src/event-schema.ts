// The table of events: what one revision changed.
import type { DeleteCause, KeyEvent, RevisionEvents } from './event.ts';
import { limits } from './limits.ts';
import { choice, nullable, text } from './schema/primitive.ts';
import { list, type Structure, structure, type Union, union } from './schema/structure.ts';
import * as shared from './schema/vocabulary.ts';

export const keyEvent: Union<KeyEvent> = union<KeyEvent, 'type'>('KeyEvent', 'type', {
  put: { tag: 1, fields: { entry: shared.keyValue, previous: nullable(shared.keyValue) } },
  delete: {
    tag: 2,
    fields: {
      key: shared.key,
      previous: nullable(shared.keyValue),
      cause: choice<DeleteCause>('cause', { delete: 0, lease: 1, release: 2 }),
    },
  },
});

export const revisionEvents: Structure<RevisionEvents> = structure<RevisionEvents>('RevisionEvents', {
  revision: shared.revision,
  events: list(keyEvent, limits.maxChangesPerEntry),
  author: nullable(text('author', limits.maxAuthorBytes)),
  reason: nullable(text('reason', limits.maxReasonBytes)),
  wallTimeMs: shared.wallTimeMs,
});
