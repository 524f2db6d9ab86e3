/** Addresses of a load balancer in one cell. Source: kubernetes pkg/printers/internalversion/printers.go. */
const WIDTH_MAX = 16;

export function loadBalancerText(
  ingress: readonly { readonly ip?: string; readonly hostname?: string }[] = [],
): string {
  const names = new Set(ingress.map((item) => item.ip || item.hostname || '').filter((name) => name !== ''));
  const text = [...names].sort().join(',');
  return text.length > WIDTH_MAX ? `${text.slice(0, WIDTH_MAX - 3)}...` : text;
}
