"""A chat: rooms, history and presence over WebSockets, in one process or, with Redis, in many."""
