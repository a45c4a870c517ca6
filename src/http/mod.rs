//! HTTP: routes, GraphQL over HTTP, the socket's protocol and loop, pages.

mod pages;
