import { startSwitchboard, type Switchboard } from '../../faults/helpers/switchboard.js';

/** Switchboards that `between` puts in front of a scene's server, kept to be told what to do. */
export interface Switchboards {
  readonly boards: readonly Switchboard[];
  readonly between: (port: number) => Promise<Switchboard>;
}

export function switchboards(): Switchboards {
  const boards: Switchboard[] = [];
  const between = async (port: number): Promise<Switchboard> => {
    const board = await startSwitchboard(port);
    boards.push(board);
    return board;
  };
  return { boards, between };
}
