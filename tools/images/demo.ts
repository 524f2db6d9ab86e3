/** The images of examples/guestbook. */
import { fileURLToPath } from 'node:url';
import type { BuiltImage } from './image-cache.ts';
import { type BuildOptions, nginxRecipe, nodeRecipe, type Recipe, redisRecipe, textEntry } from './recipes.ts';

export interface DemoOptions extends BuildOptions {
  /** examples/guestbook of the repository when absent. */
  readonly guestbookDir?: string;
  /** Called as each image is ready. */
  readonly onImage?: (image: BuiltImage) => void;
}

const GUESTBOOK_DIR = fileURLToPath(new URL('../../examples/guestbook', import.meta.url));

/** Builds what is not in the cache; returns the tars in the order database, API, front end. */
export async function buildDemoImages(options: DemoOptions = {}): Promise<readonly BuiltImage[]> {
  const recipes = await demoRecipes(options.guestbookDir ?? GUESTBOOK_DIR);
  return Promise.all(
    recipes.map(async (recipe) => {
      const image = await recipe.build(options);
      options.onImage?.(image);
      return image;
    }),
  );
}

/** `guestbook-db:demo`, `guestbook-api:demo`, `guestbook-web:demo` */
export async function demoRecipes(guestbookDir: string): Promise<readonly Recipe[]> {
  const api = ['server.ts', 'redis.ts', 'package.json'].map((name) =>
    textEntry(`app/${name}`, `${guestbookDir}/api/${name}`),
  );
  const web = ['index.html'].map((name) => textEntry(`usr/share/nginx/html/${name}`, `${guestbookDir}/web/${name}`));
  const apiConfig = {
    entrypoint: ['/usr/bin/node', '/app/server.ts'],
    workdir: '/app',
    exposedPorts: ['8080/tcp'],
    user: '1000',
  };
  return [
    redisRecipe('guestbook-db:demo'),
    nodeRecipe('guestbook-api:demo', await Promise.all(api), apiConfig),
    nginxRecipe('guestbook-web:demo', await Promise.all(web)),
  ];
}
