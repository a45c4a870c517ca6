// Starts the page: the client connects by itself as soon as the board asks for its copy.
import { EverwireProvider } from 'everwire/react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { client } from './data';
import './look/foundation.css';
import './look/board.css';
import './look/sheet.css';
import './look/wire.css';

const root = document.getElementById('board');
if (root) {
  createRoot(root).render(
    <EverwireProvider client={client}>
      <App />
    </EverwireProvider>,
  );
}
