/** The program of the sandbox image, as bytes: waits, ends on SIGTERM or SIGINT, lets the kernel reap its children. */
import { invariant } from '@kapella/base';

export type CpuArch = 'amd64' | 'arm64';

const BASE = 0x400000;
const HEADERS_SIZE = 64 + 56; // one ELF header, one program header
const SIGINT = 2;
const SIGTERM = 15;
const SIGCHLD = 17;
const SA_RESTORER = 0x04000000; // amd64 kills a process that handles a signal without it; arm64 ignores it
const MACHINE = { amd64: 62, arm64: 183 } as const;

/**
 * A static ELF executable of less than 400 bytes. As process 1 of a PID namespace the kernel gives it no default signal
 * actions, hence the handlers; with SIGCHLD ignored, orphans that come to it are reaped without a wait call.
 */
export function pauseElf(arch: CpuArch): Uint8Array {
  const codeSize = (arch === 'amd64' ? amd64Code(0, 0, 0) : arm64Code(0, 0, 0)).code.length;
  const actionsAt = BASE + HEADERS_SIZE + Math.ceil(codeSize / 8) * 8;
  const { code, exitOffset } =
    arch === 'amd64'
      ? amd64Code(actionsAt, actionsAt + 32, 0)
      : arm64Code(actionsAt, actionsAt + 32, BASE + HEADERS_SIZE);
  invariant(code.length === codeSize, 'the code of pause has one size');
  const exitAt = BASE + HEADERS_SIZE + exitOffset;
  const fileSize = actionsAt - BASE + 64;
  const file = new DataView(new ArrayBuffer(fileSize));
  writeHeaders(file, arch, fileSize);
  new Uint8Array(file.buffer).set(code, HEADERS_SIZE);
  // struct sigaction of the kernel: handler, flags, restorer, mask. 1 = SIG_IGN.
  const actions = actionsAt - BASE;
  file.setBigUint64(actions, 1n, true);
  file.setBigUint64(actions + 32, BigInt(exitAt), true);
  file.setBigUint64(actions + 40, BigInt(SA_RESTORER), true);
  file.setBigUint64(actions + 48, BigInt(exitAt), true);
  return new Uint8Array(file.buffer);
}

function writeHeaders(file: DataView, arch: CpuArch, fileSize: number): void {
  const ident = [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]; // ELF, 64 bit, little endian, version 1
  for (const [i, byte] of ident.entries()) file.setUint8(i, byte);
  const u16 = (at: number, value: number) => file.setUint16(at, value, true);
  const u32 = (at: number, value: number) => file.setUint32(at, value, true);
  const u64 = (at: number, value: number) => file.setBigUint64(at, BigInt(value), true);
  u16(16, 2); // executable
  u16(18, MACHINE[arch]);
  u32(20, 1);
  u64(24, BASE + HEADERS_SIZE); // entry
  u64(32, 64); // program header
  u16(52, 64);
  u16(54, 56);
  u16(56, 1);
  u32(64, 1); // PT_LOAD
  u32(68, 5); // read, execute
  u64(80, BASE);
  u64(88, BASE);
  u64(96, fileSize);
  u64(104, fileSize);
  u64(112, 0x10000); // 64 KiB pages exist on arm64
}

interface Code {
  readonly code: Uint8Array;
  /** Of the signal handler. */
  readonly exitOffset: number;
}

const imm32 = (value: number) => [value & 255, (value >>> 8) & 255, (value >>> 16) & 255, (value >>> 24) & 255];

function amd64Code(ignoreAt: number, handleAt: number, _codeAt: number): Code {
  const SYSCALL = [0x0f, 0x05];
  const movEax = (n: number) => [0xb8, ...imm32(n)];
  const sigaction = (signal: number, at: number) => [
    ...movEax(13), // rt_sigaction
    0xbf,
    ...imm32(signal), // mov edi
    0xbe,
    ...imm32(at), // mov esi
    0x31,
    0xd2, // xor edx, edx
    0x41,
    0xba,
    ...imm32(8), // mov r10d, sizeof(sigset_t)
    ...SYSCALL,
  ];
  const setup = [...sigaction(SIGCHLD, ignoreAt), ...sigaction(SIGTERM, handleAt), ...sigaction(SIGINT, handleAt)];
  const wait = [...movEax(34), ...SYSCALL, 0xeb, 0xf7]; // pause(), again
  const exit = [...movEax(231), 0x31, 0xff, ...SYSCALL]; // exit_group(0)
  return { code: Uint8Array.from([...setup, ...wait, ...exit]), exitOffset: setup.length + wait.length };
}

function arm64Code(ignoreAt: number, handleAt: number, codeAt: number): Code {
  const SVC = 0xd4000001;
  const words: number[] = [];
  const movz = (register: number, value: number) => words.push((0xd2800000 | (value << 5) | register) >>> 0);
  const adr = (register: number, at: number) => {
    const distance = at - (codeAt + words.length * 4);
    words.push((0x10000000 | ((distance & 3) << 29) | (((distance >> 2) & 0x7ffff) << 5) | register) >>> 0);
  };
  const sigaction = (signal: number, at: number) => {
    movz(0, signal);
    adr(1, at);
    movz(2, 0);
    movz(3, 8);
    movz(8, 134); // rt_sigaction
    words.push(SVC);
  };
  sigaction(SIGCHLD, ignoreAt);
  sigaction(SIGTERM, handleAt);
  sigaction(SIGINT, handleAt);
  const waitAt = words.length;
  for (const register of [0, 1, 2, 3]) movz(register, 0);
  movz(8, 73); // ppoll(0, 0, 0, 0)
  words.push(SVC, (0x14000000 | ((waitAt - words.length - 1) & 0x3ffffff)) >>> 0);
  const exitOffset = words.length * 4;
  movz(0, 0);
  movz(8, 94); // exit_group(0)
  words.push(SVC);
  return { code: Uint8Array.from(words.flatMap(imm32)), exitOffset };
}
