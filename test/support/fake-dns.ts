/** A DNS server with a few names, on loopback: what the cluster's DNS forwards to. UDP alone. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, decode, encode } from 'dns-packet';

export interface FakeDns extends AsyncDisposable {
  /** Names that were asked for, in order. */
  readonly asked: readonly string[];
}

/** `records`: name -> IPv4 address. All other names do not exist. */
export async function startFakeDns(
  address: string,
  port: number,
  records: Readonly<Record<string, string>>,
): Promise<FakeDns> {
  const known = new Map(Object.entries(records));
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (bytes, from) => {
    const query = decode(bytes);
    const question = query.questions?.[0];
    if (question === undefined) return;
    asked.push(question.name);
    const data = known.get(question.name.toLowerCase());
    const answers: Answer[] =
      data === undefined || question.type !== 'A' ? [] : [{ type: 'A', name: question.name, ttl: 5, data }];
    const code = data === undefined ? 3 : 0; // NXDOMAIN
    const reply = encode({ type: 'response', id: query.id ?? 0, flags: 0x0180 | code, questions: [question], answers });
    socket.send(reply, from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  return {
    asked,
    [Symbol.asyncDispose]: async () => {
      socket.close();
    },
  };
}
