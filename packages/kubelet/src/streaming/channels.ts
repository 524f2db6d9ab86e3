/** Remote-command channels over WebSocket. Source: apimachinery/pkg/util/remotecommand, KEP-4006. */

export const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Best first. v5 can half-close a channel; v4 reports exit codes as a Status; v1-v3 are of clients before 2016. */
export const REMOTE_COMMAND_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;
export const PORT_FORWARD_TUNNEL = 'SPDY/3.1+portforward.k8s.io';

/** The message of one channel. */
export function channelMessage(channel: number, data: Uint8Array): Uint8Array {
  const message = new Uint8Array(1 + data.length);
  message[0] = channel;
  message.set(data, 1);
  return message;
}

/** What the client sent; undefined for an empty message. A close carries the channel that it closes. */
export function parseMessage(message: Uint8Array): { readonly channel: number; readonly data: Uint8Array } | undefined {
  const [channel] = message;
  return channel === undefined ? undefined : { channel, data: message.subarray(1) };
}

/** `Success`, as the error channel says it when the runtime said nothing. */
export const SUCCESS_STATUS = new TextEncoder().encode('{"metadata":{},"status":"Success"}');

export function failureStatus(message: string): Uint8Array {
  const status = { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
  return new TextEncoder().encode(JSON.stringify(status));
}
