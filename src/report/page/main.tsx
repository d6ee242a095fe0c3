/** Entry of the page: takes the model out of the document and draws it. */
import { render } from 'preact';
import { App } from './app.tsx';
import { loadModel } from './load-model.ts';
import './main.css';

async function start(): Promise<void> {
  const root = document.querySelector('#app');
  if (root === null) throw new Error('the page has no place for the report');
  if (typeof DecompressionStream === 'undefined') {
    root.textContent = 'This browser is too old for the report: it has no DecompressionStream.';
    return;
  }
  render(<App model={await loadModel()} />, root);
}

void start();
