import {expect} from 'chai';
import {type PhaseId, phases, type StepId, stepOf, steps} from '../../src/lifecycle/step.ts';

/** Every way through the lifecycle, from the first step to the last. */
const ways: Readonly<Record<string, readonly PhaseId[]>> = {
  'opening a vault': ['prepare', 'unlock', 'open', 'close'],
  'making a vault': ['create', 'close'],
  'making a vault and opening it': ['create', 'openCreated', 'close'],
  'adopting a vault': ['prepare', 'unlock', 'adopt', 'close'],
  'changing or adding a key': ['prepare', 'unlock', 'addKey', 'writeKeys'],
  'removing a key': ['prepare', 'unlock', 'dropKey', 'writeKeys'],
  'joining a ghost': ['prepare', 'unlock', 'join', 'close'],
};

const stepsOf = (way: readonly PhaseId[]): StepId[] => way.flatMap((phase): readonly StepId[] => phases[phase]);

describe('The steps of the lifecycle', () => {
  it('have each an id and a title of their own', () => {
    for (const key of ['id', 'title'] as const)
      expect(new Set(steps.map((step) => step[key])).size).to.equal(steps.length);
    for (const {title, undoneBy} of steps) {
      expect(title).to.match(/^[A-Z][^.]*$/);
      expect(undoneBy).not.to.equal('');
    }
  });

  it('need only steps that stand before them in the list', () => {
    steps.forEach(({id, needs}, index) => {
      const before = steps.slice(0, index).map((step) => step.id);
      expect(before, id).to.include.members([...needs]);
    });
  });

  it('are all in a phase, and each phase is in a way', () => {
    expect(new Set(stepsOf(Object.keys(phases) as PhaseId[]))).to.deep.equal(new Set(steps.map(({id}) => id)));
    expect(new Set(Object.values(ways).flat())).to.deep.equal(new Set(Object.keys(phases)));
  });

  for (const [name, way] of Object.entries(ways)) {
    it(`come after what they need: ${name}`, () => {
      const order = stepsOf(way);
      order.forEach((id, index) => {
        const before = order.slice(0, index);
        for (const need of stepOf(id).needs) {
          // A new image has nobody who could hold its lock, and is locked while it is allocated.
          if (id === 'vet' && need === 'lock' && order.includes('allocate')) expect(before).to.include('allocate');
          else expect(before, `${id} needs ${need}`).to.include(need);
        }
      });
    });

    it(`come once: ${name}`, () => {
      const order = stepsOf(way);
      expect(new Set(order).size).to.equal(order.length);
    });
  }

  it('use no key before the header was vetted', () => {
    for (const way of Object.values(ways)) {
      const order = stepsOf(way);
      for (const id of ['unlock', 'attach', 'join'] as const) {
        if (order.includes(id)) expect(order.indexOf('vet')).to.be.within(0, order.indexOf(id) - 1);
      }
    }
  });

  it('seal the session before anything of the user’s is started', () => {
    for (const way of Object.values(ways)) {
      const order = stepsOf(way);
      if (order.includes('shell')) expect(order.indexOf('seal')).to.be.within(0, order.indexOf('shell') - 1);
    }
  });
});
