import {type Death, everybody, heldProgram, inSession, type Station} from './bench.ts';
import type {Point} from './faulty-install.ts';
import type {Scenario} from './scenarios.ts';

/**
 * The deaths of a scenario, made of what a survey of it has met. The first one is played in full: each point with each
 * process that is there, and with all of them at once. The others leave out what is the same there.
 */
export function deathsOf(scenario: Scenario, stations: readonly Station[]): Death[] {
  const every = stations.flatMap(({point, names}) =>
    [...new Set(names.filter((name) => stays(name, point))), everybody].map((victim): Death => ({
      point,
      victim,
      signal: 'SIGKILL',
    })),
  );
  const essential = ['the CLI', 'the ghost', 'the block server', 'fuse2fs', everybody];
  const chosen =
    scenario.matrix === 'full'
      ? every
      : every.filter(({point, victim}) => (isStep(point) ? essential.includes(victim) : victim === 'the ghost'));
  return [...chosen, ...overtakings(scenario, stations), ...stops(scenario, stations)];
}

/** Each process stopped, and then the vault closed from elsewhere. */
function stops(scenario: Scenario, stations: readonly Station[]): Death[] {
  if (scenario.vault !== 'there' || !scenario.session) return [];
  return stations
    .filter(({point}) => isStep(point))
    .flatMap(({point, names}) => {
      const single = [...new Set(names.filter((name) => stays(name, point)))];
      const lock = (victim: string): Death => ({point, victim, signal: 'SIGSTOP', then: 'lock'});
      const hangUp = (victim: string): Death => ({point, victim, signal: 'SIGSTOP', then: 'close the window'});
      return [...[...single, everybody].map(lock), ...single.map(hangUp)];
    });
}

/** The same, a few of them, while the session works. */
export function sampledStops(scenario: Scenario): Death[] {
  if (scenario.vault !== 'there' || !scenario.session || scenario.bridge !== undefined) return [];
  const lock = (victim: string): Death => ({point: inSession, victim, signal: 'SIGSTOP', then: 'lock'});
  return [lock(everybody), lock('the ghost'), {...lock('the CLI'), then: 'close the window'}];
}

/** A program that is slow, so that what comes after it overtakes it, and then a session that dies with its ghost. */
function overtakings(scenario: Scenario, stations: readonly Station[]): Death[] {
  if (!scenario.session) return [];
  return stations
    .filter(({point}) => !isStep(point) && !point.startsWith('close/'))
    .map(({point}) => ({point: inSession, victim: 'the ghost', signal: 'SIGKILL', slowAt: point}));
}

/** Each step once: before or after it, and somebody of those who are always there, in turns. */
export function sampledDeaths(points: readonly Point[], isolation: Scenario['isolation']): Death[] {
  const victims = ['the ghost', everybody, 'the CLI', ...(isolation === 'sealed' ? ['sudo'] : [])];
  const steps = [...new Set(points.map((point) => point.replace(/ (before|after)$/, '')))];
  return steps.map((step, index) => ({
    point: step === inSession ? step : `${step} ${index % 2 === 0 ? 'before' : 'after'}`,
    victim: victims[index % victims.length]!,
    signal: 'SIGKILL',
  }));
}

export function nameOfDeath({point, victim, signal, slowAt, then}: Death): string {
  const slow = slowAt === undefined ? '' : `, after a slow "${slowAt}"`;
  const after = then === undefined ? '' : `, then ${then}`;
  return `${signal} to ${victim} ${point === inSession ? 'in' : 'at'} ${point}${slow}${after}`;
}

/** Whether a process is there whenever this point is reached: programs pass, but for the one that is held. */
function stays(name: string, point: Point): boolean {
  if (name.startsWith(heldProgram)) return point.includes(`: ${name.slice(heldProgram.length)} `);
  return !['', 'cat', 'sh', 'sleep'].includes(name);
}

function isStep(point: Point): boolean {
  return point === inSession || / (before|after)$/.test(point);
}
