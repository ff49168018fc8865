import type {Import} from './imports.ts';

/** A directory of src/ and those that it imports. */
export type Rooms = ReadonlyMap<string, ReadonlySet<string>>;

/** What nearly every room imports: arrows to it would hide all others. */
const everywhere = ['contract', 'lifecycle', 'foundation'];

/** The directories of src/, and which room imports which. A file beside them is not a room. */
export function roomsOf(imports: readonly Import[]): Rooms {
  const rooms = new Map<string, Set<string>>();
  for (const [room, other] of imports.map((paths) => paths.map(roomOf))) {
    if (room === undefined) continue;
    const imported = rooms.get(room) ?? new Set();
    rooms.set(room, imported);
    if (other !== undefined && other !== room && !everywhere.includes(other)) imported.add(other);
  }
  return new Map([...rooms].sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** A picture in mermaid's language, without the arrows that other arrows imply. */
export function drawRooms(rooms: Rooms): string {
  const lines = [...rooms].flatMap(([room, imported]) =>
    [...imported]
      .filter((other) => ![...imported].some((between) => between !== other && reaches(rooms, between, other)))
      .sort()
      .map((other) => `  ${room} --> ${other}`),
  );
  return ['```mermaid', 'flowchart TD', ...lines, '```'].join('\n');
}

function reaches(rooms: Rooms, from: string, to: string): boolean {
  const imported = rooms.get(from) ?? new Set();
  return imported.has(to) || [...imported].some((next) => reaches(rooms, next, to));
}

function roomOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}
