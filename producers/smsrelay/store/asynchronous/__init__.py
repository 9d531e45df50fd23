"""The store from an event loop, over one connection pool of asyncio."""
