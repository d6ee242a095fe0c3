/** Takes the model out of the page: base64 of deflated JSON, inflated by the browser itself. */
import type { ReportModel } from '../model.ts';

export async function loadModel(): Promise<ReportModel> {
  const element = document.querySelector('#relaydiff-model');
  const text = atob(element?.textContent ?? '');
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  const inflated = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const model: ReportModel = await new Response(inflated).json();
  element?.remove();
  return model;
}
