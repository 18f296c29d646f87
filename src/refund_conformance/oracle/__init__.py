"""What is permitted, what an answer says, and the clause that it breaks; pure."""
