"""What a network says of one scan, and which part of the picture it rests on."""
