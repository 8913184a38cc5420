"""What stands between the network and the pages: who may reach them, and what answers carry."""
