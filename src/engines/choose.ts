import {exitCode} from '../foundation/exit-code.ts';
import type {Failure} from '../foundation/failure.ts';
import type {EngineId} from '../lifecycle/plan.ts';
import {dmCryptEngine} from './dm-crypt/engine.ts';
import type {CryptSegment, Engine} from './engine.ts';
import {noEngine, refusedFor} from './failures.ts';
import {fuseEngine} from './fuse/engine.ts';

/** The engines, the one to be preferred first. */
export const engines: readonly Engine[] = [dmCryptEngine, fuseEngine];

/**
 * The engine for a segment: the one that is wanted, else the first that this machine has and that knows its cipher.
 * Throws a Failure: 65 when the engine cannot serve the segment, 69 when the machine has none that can.
 */
export async function chooseEngine(segment: CryptSegment, wanted?: EngineId): Promise<Engine> {
  const candidates = engines.filter(({id}) => wanted === undefined || id === wanted);
  let failure: Failure | undefined;
  for (const engine of candidates) {
    const refusal = engine.refuse(segment);
    const verdict = await engine.probe();
    if (refusal === undefined && verdict.usable) return engine;
    // What the image asks for says more than what the machine lacks, and the last engine is the one that needs least.
    if (refusal !== undefined) failure = refusedFor(refusal, exitCode.data);
    else if (!verdict.usable && failure?.code !== exitCode.data) failure = refusedFor(verdict, exitCode.unavailable);
  }
  throw (
    failure ??
    noEngine(
      wanted,
      engines.map(({id}) => id),
    )
  );
}
