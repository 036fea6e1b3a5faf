"""Images that need no download: rendered scenes, embedded photographs."""
