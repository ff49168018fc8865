import {type Isolation, type KeyChange, keyName} from '../lifecycle/plan.ts';
import {invalidKeyName, onlyOutside} from '../vault/failures.ts';
import {changeKey, type KeyChangeResult, type KeysRequest} from '../vault/keys.ts';
import {locateImage} from '../vault/location.ts';
import {BaseCommand} from './base-command.ts';

type KeysFlags = {
  readonly image?: string | undefined;
  readonly isolation?: Isolation | undefined;
  readonly wait?: number;
  readonly debug: boolean;
};

/** What the commands about keys share: which vault is meant, and that a key is changed only outside. */
export abstract class KeyCommand<T> extends BaseCommand<T> {
  protected async keysRequest(flags: KeysFlags): Promise<KeysRequest> {
    const {image} = await this.configured({image: flags.image}, 'image');
    return {image: locateImage(image), isolation: flags.isolation, waitMs: (flags.wait ?? 0) * 1000};
  }

  protected async change(flags: KeysFlags, change: Exclude<KeyChange, {do: 'list'}>): Promise<KeyChangeResult> {
    if ((await this.inside({})) !== undefined) throw onlyOutside('A key cannot be changed inside a ghost.');
    return changeKey(await this.keysRequest(flags), change, this.presentation(flags));
  }
}

/** Throws a Failure (64) for what cannot be the name of a key. */
export function requireKeyName(name: string): void {
  if (!keyName.test(name)) throw invalidKeyName(name);
}
