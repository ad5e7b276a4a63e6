/** What the server has counted. */
import { Buffer } from 'node:buffer';

/** Totals since the server started; `reads` are reads from sockets, one for each round trip of one request at a time. */
export async function serverUsage(client) {
  const info = await client.info();
  const number = (name) => Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1]);
  return {
    reads: number('total_reads_processed'),
    received: number('total_net_input_bytes'),
    sent: number('total_net_output_bytes'),
    cpuSeconds: number('used_cpu_user') + number('used_cpu_sys'),
    memory: number('used_memory'),
    infoReplyBytes: Buffer.byteLength(info),
  };
}

/** How many commands clients send while something happens; those that scripts run are not counted. */
export async function clientCommands({ client }, during) {
  const monitor = await client.monitor();
  let count = 0;
  const end = 'end of the count';
  const ended = new Promise((resolve) => {
    monitor.on('monitor', (_time, [, argument], source) => {
      if (argument === end) resolve();
      else if (source !== 'lua') count += 1;
    });
  });
  await during();
  await client.echo(end);
  await ended;
  monitor.disconnect();
  return count;
}
