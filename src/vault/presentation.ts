import type {GhostMessage} from '../lifecycle/message.ts';

/** How a command shows what happens to a vault: `src/cli/report` draws, and this room says what there is to show. */
export type Presentation = {
  /** Takes a message of the ghost into the picture. */
  show(message: GhostMessage): Promise<void>;
  /** Stops drawing, and gives out the warnings that waited for that. */
  clear(): Promise<void>;
  /** How far something long is that this process does itself, from 0 to 1. `clear` ends the drawing. */
  report(doing: string, share: number): void;
  /** A warning that does not stop the command. */
  remark(text: string): void;
  /** A line for people, left out if they asked for silence. */
  tell(text: string): void;
  /** Asks for yes or no; an empty answer means yes. */
  confirm(question: string): Promise<boolean>;
};
