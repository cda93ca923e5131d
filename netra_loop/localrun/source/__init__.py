"""Sources that gcloud uploads, and the images built of them."""
