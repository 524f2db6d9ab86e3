/** Shuffle sharding: the few queues that one flow may use. Source: apiserver/pkg/util/shufflesharding/dealer.go. */

const HASH_BITS_MAX = 60;
const DECK_SIZE_MAX = 1 << 26;

/** How many bits of a hash a hand uses. Above 60 the configuration is refused. */
export function requiredEntropyBits(deckSize: number, handSize: number): number {
  return Math.ceil(Math.log2(deckSize) * handSize);
}

/** undefined: such hands can be dealt; otherwise why not. */
export function dealerProblem(deckSize: number, handSize: number): string | undefined {
  if (deckSize <= 0 || handSize <= 0) return `deckSize ${deckSize} or handSize ${handSize} is not positive`;
  if (handSize > deckSize) return `handSize ${handSize} is greater than deckSize ${deckSize}`;
  if (deckSize > DECK_SIZE_MAX) return `deckSize ${deckSize} is impractically large`;
  if (requiredEntropyBits(deckSize, handSize) <= HASH_BITS_MAX) return undefined;
  return `required entropy bits of deckSize ${deckSize} and handSize ${handSize} is greater than ${HASH_BITS_MAX}`;
}

/** `handSize` different numbers below `deckSize`; every hand is equally likely over all hashes. */
export function dealHand(hash: bigint, deckSize: number, handSize: number): readonly number[] {
  const hand: number[] = [];
  const remainders: number[] = [];
  let rest = hash;
  for (let i = 0; i < handSize; i++) {
    const cards = BigInt(deckSize - i);
    remainders.push(Number(rest % cards));
    rest /= cards;
  }
  for (let i = 0; i < handSize; i++) {
    let card = remainders[i] as number;
    for (let j = i; j > 0; j--) if (card >= (remainders[j - 1] as number)) card++;
    hand.push(card);
  }
  return hand;
}

/** 60 bits that spread names evenly; nobody's safety rests on them. Two lanes with the finalizer of MurmurHash3. */
export function flowHash(schema: string, distinguisher: string): bigint {
  const text = `${schema}\0${distinguisher}`;
  const low = mix(text, 0x9747b28c);
  const high = mix(text, 0x3c6ef372);
  return ((BigInt(high) << 32n) | BigInt(low)) & ((1n << 60n) - 1n);
}

function mix(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995);
    hash = (hash << 13) | (hash >>> 19);
  }
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
