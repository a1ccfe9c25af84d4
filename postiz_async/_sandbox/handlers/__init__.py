"""What the server does on each route, once a request has passed the pipeline."""
