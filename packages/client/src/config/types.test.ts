// What the compiler must know of documents: checked by `npm run check`, run for nothing but being there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Limits, limitsSchema, numberSchema } from '../../testing/documents.ts';
import type { Client } from '../client.ts';
import type { Config, ConfigChange } from './config.ts';
import type { StandardSchema } from './standard-schema.ts';

type IsAny<T> = 0 extends 1 & T ? true : false;
type Both<A, B> = [IsAny<A>, [A] extends [B] ? true : false, [B] extends [A] ? true : false];
type Same<A, B> = Both<A, B> extends [false, true, true] ? true : never;

function same<A, B>(isSame: Same<A, B>): void {
  assert.ok(isSame);
}

declare const transforming: StandardSchema<{ readonly at: string }, { readonly at: Date }>;

/** Never called. */
async function typed(client: Client): Promise<void> {
  const limits = await client.config('limits', limitsSchema);
  same<typeof limits, Config<Limits>>(true);
  const dated = await client.config('dated', transforming);
  same<typeof dated.value, { readonly at: Date }>(true);
  // @ts-expect-error the default is a value, not what it is made from
  await client.config('dated', transforming, { default: { at: '2026-01-01' } });
  // @ts-expect-error a field is missing
  await limits.update(() => ({}));
  // @ts-expect-error nobody writes to the value
  limits.value.perSecond = 5;

  const several = await client.config({
    limits: { name: 'limits', schema: limitsSchema },
    rollout: { name: 'rollout', schema: numberSchema('percent'), default: { percent: 0 } },
  });
  same<typeof several.value.limits, Limits>(true);
  same<typeof several.value.rollout, { readonly percent: number }>(true);
  await several.update((now) => ({ ...now, rollout: { percent: now.rollout.percent + 1 } }));
  // @ts-expect-error all of them are returned
  await several.update(({ limits: kept }) => ({ limits: kept }));
  // @ts-expect-error the default is of another type
  await client.config({ limits: { name: 'limits', schema: limitsSchema, default: { perSecond: 'many' } } });
  for await (const change of limits.changes()) same<typeof change, ConfigChange<Limits>>(true);

  const mirror = await client.mirror(['a', { prefix: 'b/' }]);
  // @ts-expect-error an entry that may not be there
  mirror.get('a').text();
  for await (const { events } of mirror.changes()) {
    // @ts-expect-error what was deleted has no entry
    for (const event of events) event.entry.text();
    for (const event of events) if (event.type === 'delete') event.previous.text();
  }
  // @ts-expect-error a view does not follow
  await mirror.view().waitFor(1);
}

test('documents and mirrors are typed: the compiler has looked at this file', () => {
  assert.equal(typeof typed, 'function');
});
