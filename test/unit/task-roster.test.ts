import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/fast-check.ts';
import { Roster } from '../../src/tasks/roster.ts';

test('a roster has whoever was added and not deleted since, in any order of coming and going', () => {
  const steps = fc.array(fc.record({ add: fc.boolean(), who: fc.nat(9) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (story) => {
      const people = Array.from({ length: 10 }, (_, name) => ({ name, seat: -1 }));
      const roster = new Roster<(typeof people)[number]>();
      const expected = new Set<number>();
      for (const { add, who } of story) {
        const person = people[who];
        assert(person !== undefined);
        if (add && !expected.has(who)) {
          roster.add(person);
          expected.add(who);
        } else if (!add) assert.equal(roster.delete(person), expected.delete(who));
      }
      assert.equal(roster.size, expected.size);
      assert.deepEqual(new Set(roster.members().map(({ name }) => name)), expected);
    }),
  );
});

test('whoever leaves while the members are gone through does not make another one be missed', () => {
  const roster = new Roster<{ seat: number }>();
  for (let count = 0; count < 5; count += 1) roster.add({ seat: -1 });
  let visited = 0;
  for (const member of roster.members()) {
    visited += 1;
    roster.delete(member);
  }
  assert.deepEqual([visited, roster.size], [5, 0]);
});
