"""The async face, for asyncio and trio."""
